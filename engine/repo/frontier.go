package repo

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// A frontier is where a walk through history stands, the youngest commit first, as git walks. A commit that
// is reached from a known one is known, whichever way it was reached first.
type frontier struct {
	at    []*object.Commit
	known map[plumbing.Hash]bool
	news  int // of those at the frontier that are not known
}

func (f *frontier) push(c *object.Commit, known bool) {
	if f.known == nil {
		f.known = map[plumbing.Hash]bool{}
	}
	was, there := f.known[c.Hash]
	if there {
		if known && !was {
			f.known[c.Hash] = true
			if slices.ContainsFunc(f.at, func(x *object.Commit) bool { return x.Hash == c.Hash }) {
				f.news--
			}
		}
		return
	}
	f.known[c.Hash] = known
	if !known {
		f.news++
	}
	i, _ := slices.BinarySearchFunc(f.at, c, func(a, b *object.Commit) int { return a.Committer.When.Compare(b.Committer.When) })
	f.at = slices.Insert(f.at, i, c)
}

// pop takes the youngest.
func (f *frontier) pop() (*object.Commit, bool) {
	c := f.at[len(f.at)-1]
	f.at = f.at[:len(f.at)-1]
	known := f.known[c.Hash]
	if !known {
		f.news--
	}
	return c, known
}

// fresh says whether anything unknown is left to look at.
func (f *frontier) fresh() bool { return f.news > 0 }
