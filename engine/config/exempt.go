package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

// ExemptionsName is the file, at the repository's root, with the findings that are let be for a while.
const ExemptionsName = ".lockstepexemptions"

func (p *Project) readExemptions() (schema.Diagnostics, error) {
	data, err := readBounded(filepath.Join(p.Root, ExemptionsName), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, ds := ParseExemptions(data)
	p.Exemptions = list
	return ds, nil
}

// ParseExemptions reads a .lockstepexemptions: a YAML list of
//
//	{code: plaintext-secret, match: "alpha/idp/old-*", pointer: /clientSecret, reason: "…", until: 2027-01-31}
//
// Every entry names a code, the resources (match) or files (file) it is for, a reason and a day. An entry
// that is half understood is a finding and exempts nothing.
func ParseExemptions(data []byte) ([]schema.Exemption, schema.Diagnostics) {
	r, top := readYAML(ExemptionsName, data, nil)
	var list []schema.Exemption
	if top != nil {
		r.list(top, ExemptionsName, func(n *yaml.Node) {
			if x, ok := r.exemption(n); ok {
				list = append(list, x)
			}
		})
	}
	ds := r.findings()
	ds.Sort()
	return list, ds
}

func (r *reader) exemption(n *yaml.Node) (schema.Exemption, bool) {
	x, before, matches := schema.Exemption{Pos: r.pos(n)}, len(r.diags), false
	r.object(n, "an exemption", map[string]func(*yaml.Node){
		"code": func(n *yaml.Node) {
			if x.Code, _ = r.text(n, "code"); x.Code == "" {
				return
			}
			var names []string
			for _, c := range schema.Codes() {
				names = append(names, c.Name)
			}
			if _, ok := schema.CodeOf(x.Code); !ok {
				r.unknown(n, "no finding is called", names)
			}
			if strings.HasPrefix(x.Code, "exemption-") {
				r.fail(n, "an exemption can't be exempted", "Mend or delete the exemption it is about")
			}
		},
		"match":   func(n *yaml.Node) { x.Match, matches = r.glob(n); x.Pos = r.pos(n) },
		"file":    func(n *yaml.Node) { x.File, _ = r.text(n, "file"); x.Pos = r.pos(n) },
		"pointer": func(n *yaml.Node) { x.Pointer, _ = r.text(n, "pointer") },
		"reason":  func(n *yaml.Node) { x.Reason, _ = r.text(n, "reason") },
		"until": func(n *yaml.Node) {
			x.UntilAt = r.pos(n)
			s, ok := r.text(n, "until")
			if !ok {
				return
			}
			var err error
			if x.Until, err = time.Parse(time.DateOnly, s); err != nil {
				r.fail(n, fmt.Sprintf("%q is no date", s), "Write it as 2027-01-31")
			}
		},
	})
	if len(r.diags) > before {
		return x, false
	}
	for _, need := range []struct {
		lacks bool
		what  string
	}{
		{x.Code == "", `code: the finding's code`},
		{matches == (x.File != ""), `either match: "realm/type/id" or file: "path"`},
		{strings.TrimSpace(x.Reason) == "", `reason: why it may stay for now`},
		{x.Until.IsZero(), `until: the last day on which it holds, as 2027-01-31`},
	} {
		if need.lacks {
			r.fail(n, "the exemption needs "+need.what, "")
			return x, false
		}
	}
	return x, true
}
