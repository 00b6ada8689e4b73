// Package diff says what changed between two sets of configuration, by meaning.
//
// [Compare] turns a live and a wanted [schema.Set] into [Change] values. What the server owns or adds
// by itself, the order of lists whose order means nothing, the spelling of numbers and the line ends
// of scripts are no changes; the type's row in package schema says which is which. Each Change carries
// an RFC 6902 patch for programs and [Item] lines for people.
//
// Values that are secrets are never shown: they stand as a keyed hash that changes when they do.
//
// The package reads nothing and writes nothing; it does not know about tenants or files.
package diff
