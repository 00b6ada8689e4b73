// Package diff says what changed between two sets of configuration, by meaning.
//
// [Compare] turns a live and a wanted [schema.Set] into [Change] values. What the server owns or adds
// by itself, the order of lists whose order means nothing, the spelling of numbers and the line ends
// of scripts are no changes; the type's row in package schema says which is which. Objects in a list are
// matched by what tells them apart, nodes of a journey by their id or, made again, by what they are and where
// they stand.
//
// Each Change carries an RFC 6902 patch for programs and [Item] lines for people. The patch applies to the old
// body as it was read and touches nothing that is no difference.
//
// Values that are secrets are never shown, in no line and no patch: they stand as a keyed hash that changes
// when they do. Of a value that the tenant encrypted it is the hash of what stands there, which is another
// whenever it is encrypted anew.
//
// The package reads nothing and writes nothing; it does not know about tenants or files.
package diff
