package repo

import (
	"fmt"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Init makes a git repository of a folder, on the branch main.
func Init(dir string) error {
	_, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: plumbing.Main}})
	if err != nil {
		return fmt.Errorf("make a git repository in %s: %w", dir, err)
	}
	return nil
}

// CommitAll commits all that lies in a folder, and returns the commit's id. It is for demonstrations and
// tests: the author is nobody.
func CommitAll(dir, message string, when time.Time) (string, error) {
	r, err := git.PlainOpen(dir)
	if err != nil {
		return "", fmt.Errorf("commit in %s: %w", dir, err)
	}
	w, err := r.Worktree()
	if err != nil {
		return "", fmt.Errorf("commit in %s: %w", dir, err)
	}
	if err := w.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		return "", fmt.Errorf("commit in %s: %w", dir, err)
	}
	who := &object.Signature{Name: "Lockstep demo", Email: "demo@lockstep.invalid", When: when}
	id, err := w.Commit(message, &git.CommitOptions{Author: who, Committer: who})
	if err != nil {
		return "", fmt.Errorf("commit in %s: %w", dir, err)
	}
	return id.String(), nil
}
