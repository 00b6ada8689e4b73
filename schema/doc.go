// Package schema says what a tenant's configuration is.
//
// A [Set] holds [Resource] values, each named by a [Key]: type, realm, id. It is the same thing
// whether it was read from files, from a commit or from a tenant. The table in types.go has one
// row a resource type ([Type]); all that differs between types — paths, links, what the server
// rewrites, where a layout keeps it — is data in that row, so that no other package switches on a
// type's name.
//
// Every value keeps its place: a [Source] turns a JSON pointer into file, line and column, also
// where one resource is spread over several files. A place is true or absent, never invented.
//
// [Validate] checks a Set against the JSON Schemas and the rules and answers with [Diagnostics].
//
// The package reads no file, talks to no tenant and prints nothing.
package schema
