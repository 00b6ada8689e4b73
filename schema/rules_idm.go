package schema

// checkIDM checks IDM's configuration: schedules, endpoints, managed objects, mappings.
func checkIDM(c *checker, t *Type, r *Resource) {}

func idmCodes() []registered { return nil }
