// Package repo reads and writes configuration files: files in, files out.
//
// [Load] and [LoadPath] make a [schema.Set] of a tree of files in any layout, [OpenGit] gives a commit
// as a tree of files without checking it out, [Write] and [WriteSnapshot] write a Set. One
// configuration is one Set, with one digest, whatever the layout.
//
// What is wrong with the files is a finding with a place, never a panic; an error means that there
// was nothing to read.
//
// The package knows no tenant, makes no decision about configuration, and changes nothing but the
// files it is told to write.
package repo
