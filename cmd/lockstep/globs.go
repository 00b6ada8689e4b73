package main

import (
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// globs is a flag that may be repeated: globs over realm/type/name.
type globs []schema.Glob

func (g *globs) String() string {
	var parts []string
	for _, x := range *g {
		parts = append(parts, x.String())
	}
	return strings.Join(parts, ",")
}

// Set adds one glob.
func (g *globs) Set(s string) error {
	x, err := schema.ParseGlob(s)
	if err != nil {
		return err
	}
	*g = append(*g, x)
	return nil
}

// Type names the flag's value in the help.
func (g *globs) Type() string { return "glob" }
