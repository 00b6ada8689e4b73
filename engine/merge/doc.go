// Package merge merges three versions of a JSON file by meaning: two that were made of one. What both changed
// differently stands between conflict markers, as in any other file that git merges; nothing is ever resolved
// without being said. It reads no file and knows no tenant.
//
// Objects are merged member by member, lists element by element: by identity where elements carry one (_id, id,
// name), as sets where the caller says that order means nothing, in sequence otherwise. Long texts (scripts) are
// merged line by line. What neither side touched keeps its spelling and its layout, byte by byte.
//
// A merge of two clean changes can still be wrong: one removes a node of a journey, the other leads an outcome to
// it. That is a conflict here, since no side ever had such a journey.
package merge
