package schema

import (
	"regexp"
	"sync"
)

// A lazyExpr is a regular expression that is compiled when it is first asked for: git's hooks start the program at
// each commit, and most of them need none.
type lazyExpr func() *regexp.Regexp

func lazily(expr string) lazyExpr {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
