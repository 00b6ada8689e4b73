package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
)

// approvalsDir is where signatures of plans may lie in the repository, beside those that lie by the plan.
const approvalsDir = "approvals"

// signFile signs a file's bytes with a private key, and writes the signature to name.
func (a *app) signFile(data []byte, keyFile, name string) error {
	path, err := a.path(keyFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the key to sign with: %w", err)
	}
	sig, err := engine.SignPlan(data, key, a.askPassphrase(keyFile))
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write the signature: %w", err)
	}
	if err := engine.WriteFile(name, sig, 0o644); err != nil {
		return fmt.Errorf("write the signature: %w", err)
	}
	return nil
}

// askPassphrase asks on the terminal, without showing what is typed; nil when there is none.
func (a *app) askPassphrase(keyFile string) func() ([]byte, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return func() ([]byte, error) {
		fmt.Fprintf(a.stderr, "Passphrase of %s: ", keyFile)
		defer fmt.Fprintln(a.stderr)
		return term.ReadPassword(int(in.Fd()))
	}
}

// signers reads the people whose signature counts: lockstep.yaml's allowedSigners.
func signers(p *config.Project) ([]engine.Signer, error) {
	if p.AllowedSigners == "" {
		return nil, errors.New("nobody is allowed to sign: lockstep.yaml has no allowedSigners\nName a file in the form of ssh-keygen's allowed_signers there: ann@acme.example ssh-ed25519 AAAA…")
	}
	data, err := os.ReadFile(p.Path(p.AllowedSigners))
	if err != nil {
		return nil, fmt.Errorf("read the allowed signers: %w", err)
	}
	return engine.ParseSigners(p.AllowedSigners, data)
}

// signature is one that was found for a plan file.
type signature struct {
	file, who string
	err       error // why it doesn't count
}

// signatures finds who signed a plan file: PLAN.sig and PLAN.*.sig beside it, and approvals/*.sig. own is
// the maker's, PLAN.sig. Signatures in approvals that are of other plans are nobody's concern.
func (a *app) signatures(p *config.Project, planFile string, data []byte) (found []signature, own string, err error) {
	allowed, err := signers(p)
	if err != nil {
		return nil, "", err
	}
	path, err := a.path(planFile)
	if err != nil {
		return nil, "", err
	}
	read := func(dir, prefix string, others bool) error {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !strings.HasSuffix(e.Name(), ".sig") || !strings.HasPrefix(e.Name(), prefix) {
				continue
			}
			name := filepath.Join(dir, e.Name())
			sig, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			who, serr := engine.Signed(data, sig, allowed, a.now())
			if serr != nil && others {
				continue
			}
			if serr == nil && name == path+".sig" {
				own = who
			}
			found = append(found, signature{e.Name(), who, serr})
		}
		return nil
	}
	if err := read(filepath.Dir(path), filepath.Base(path)+".", false); err != nil {
		return nil, "", fmt.Errorf("look for signatures: %w", err)
	}
	if dir := p.Path(approvalsDir); dir != filepath.Dir(path) {
		if err := read(dir, "", true); err != nil {
			return nil, "", fmt.Errorf("look for approvals: %w", err)
		}
	}
	return found, own, nil
}

// requireSignature refuses a plan that no allowed signer signed.
func (a *app) requireSignature(p *config.Project, planFile string) error {
	who, err := a.signedBy(p, planFile, "")
	if err != nil {
		return err
	}
	a.note("Signed by %s.", strings.Join(who, ", "))
	return nil
}

// signedBy lists who signed a plan file, without the given person; it fails when nobody did.
func (a *app) signedBy(p *config.Project, planFile, except string) ([]string, error) {
	path, err := a.path(planFile)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found, _, err := a.signatures(p, planFile, data)
	if err != nil {
		return nil, err
	}
	var who, why []string
	for _, s := range found {
		switch {
		case s.err != nil:
			why = append(why, s.file+": "+s.err.Error())
		case s.who != except && !slices.Contains(who, s.who):
			who = append(who, s.who)
		}
	}
	if len(who) > 0 {
		slices.Sort(who)
		return who, nil
	}
	what := fmt.Sprintf("%s is not signed by an allowed signer (%s)", planFile, p.AllowedSigners)
	for _, w := range why {
		what += "\n" + w
	}
	return nil, &engine.SignatureError{What: what + fmt.Sprintf("\nSign it: lockstep approve %s --key KEY, or ssh-keygen -Y sign -n %s -f KEY %s", planFile, engine.SignatureNamespace, planFile)}
}

// checkApprovals counts the people who approved a plan, and refuses when there are too few. Whoever made it,
// the signer of PLAN.sig or the commit's author, is not one of them.
func (a *app) checkApprovals(p *config.Project, env *config.Environment, planFile string) (string, error) {
	if env.Approvals == 0 {
		return "", nil
	}
	if planFile == "" {
		return "", fmt.Errorf("%s needs %d %s, and approvals are of a plan: lockstep promote %s --plan plan.json", env.Name, env.Approvals, plural(env.Approvals, "approval", "approvals"), env.Name)
	}
	path, err := a.path(planFile)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	plan, err := engine.ReadPlan(bytes.NewReader(data), planFile)
	if err != nil {
		return "", err
	}
	found, maker, err := a.signatures(p, planFile, data)
	if err != nil {
		return "", err
	}
	var who, why []string
	for _, s := range found {
		switch {
		case s.err != nil:
			why = append(why, s.file+": "+s.err.Error())
		case s.who == maker || plan.Source.Author != "" && strings.EqualFold(s.who, plan.Source.Author):
			why = append(why, fmt.Sprintf("%s: %s made the plan, and can't approve it", s.file, s.who))
		case !slices.Contains(who, s.who):
			who = append(who, s.who)
		}
	}
	slices.Sort(who)
	if len(who) >= env.Approvals {
		return "approved by " + strings.Join(who, ", "), nil
	}
	text := fmt.Sprintf("%s needs %d %s of %s, and has %d", env.Name, env.Approvals, plural(env.Approvals, "approval", "approvals"), planFile, len(who))
	if len(who) > 0 {
		text += " (" + strings.Join(who, ", ") + ")"
	}
	for _, w := range why {
		text += "\n" + w
	}
	return "", &engine.SignatureError{What: text + fmt.Sprintf("\nSomebody else reads it and signs: lockstep approve %s --key KEY", planFile)}
}

func newApproveCommand(a *app) *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "approve FILE --key KEY",
		Short: "Sign a plan that you have read",
		Long: `Shows a plan, asks, and signs it with an SSH key, or an Ed25519 key in PEM. The signature goes into the
folder approvals of the repository, named after the plan and the key: commit it. lockstep.yaml says whose signature
counts (allowedSigners), and how many an environment needs (approvals). ssh-keygen -Y sign makes the same
signatures, with the agent's keys, too; ssh-keygen -Y verify checks them.` + exitHelp(),
		Example: `  lockstep approve plan.json --key ~/.ssh/id_ed25519
  ssh-keygen -Y sign -n lockstep-plan -f ~/.ssh/id_ed25519.pub plan.json`,
		Args: exactArgs(1, "the plan"),
		RunE: func(cmd *cobra.Command, args []string) error { return runApprove(cmd.Context(), a, args[0], key) },
	}
	cmd.Flags().StringVar(&key, "key", "", "private key to sign with (a file)")
	return cmd
}

func runApprove(ctx context.Context, a *app, file, key string) error {
	if key == "" {
		return errors.New("which key? Say --key FILE, a private key of OpenSSH or Ed25519 in PEM")
	}
	format, p, err := a.begin("text", "markdown")
	if err != nil {
		return err
	}
	plan, err := a.readPlan(file)
	if err != nil {
		return err
	}
	if err := a.showPlan(format, plan, nil, ""); err != nil {
		return err
	}
	if err := a.confirm(ctx, fmt.Sprintf("Approve this plan for %s?", plan.Environment.Name)); err != nil {
		return err
	}
	path, err := a.path(file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(filepath.Base(key), filepath.Ext(key))
	name := filepath.Join(p.Path(approvalsDir), plan.Digest[:12]+"."+base+".sig")
	for n := 2; ; n++ {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = filepath.Join(p.Path(approvalsDir), fmt.Sprintf("%s.%s-%d.sig", plan.Digest[:12], base, n))
	}
	if err := a.signFile(data, key, name); err != nil {
		return err
	}
	rel, err := filepath.Rel(p.Root, name)
	if err != nil {
		rel = name
	}
	fmt.Fprintf(a.stdout, "\nSigned: %s. Commit it, so that others can see it.\n", filepath.ToSlash(rel))
	return nil
}
