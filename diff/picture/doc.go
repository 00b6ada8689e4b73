// Package picture draws journeys: as SVG the way the admin UI lays them out on its canvas, and as Mermaid for
// places that show no SVG; one journey, or what a change does to it.
//
// A picture is drawn from a journey's own coordinates. They are spread evenly, both axes by a factor of their
// own, until no card lies on another (admins leave 170 px for what the admin UI draws 160 px wide); what then
// still overlaps, since it stands on the same spot, is moved down. A journey without coordinates, as exports
// made "without coordinates" are, gets a layered layout. Outcomes are named inside of their card, beside the
// port their wire leaves from, so that no wire crosses its own label.
//
// All text in a journey is untrusted: it comes from tenants and from pull requests. It reaches the picture
// through one function that escapes it; pictures hold no script, no reference to another file and no identifier,
// so that many of them can stand in one page. The same journey gives the same bytes.
//
// The package does not decide what changed: marks come from the items of a [diff.Change], so that the picture
// and the text beside it can't disagree.
package picture
