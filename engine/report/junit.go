package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// The dialect of JUnit's XML that CI servers read. One finding is one test case: a failure from
// Options.FailOn on, and what is milder a case that passes and says so.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitFailure `xml:"failure"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(w io.Writer, r *Report, o Options) error {
	failOn := cmp.Or(o.FailOn, schema.Error)
	suite := junitSuite{Name: "lockstep"}
	for _, d := range r.Findings {
		c := junitCase{Class: where(d), Name: d.Code + ": " + d.Message, File: d.Pos.File, Line: d.Pos.Line}
		var b strings.Builder
		if err := Findings(&b, schema.Diagnostics{d}, Options{}); err != nil {
			return err
		}
		if d.Severity >= failOn {
			suite.Failures++
			c.Failure = &junitFailure{d.Message, d.Code, b.String()}
		} else {
			c.Out = b.String()
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(suite.Cases) == 0 { // a suite without cases counts as "nothing was tested"
		suite.Cases = []junitCase{{Class: "lockstep", Name: Summary(nil, r.Resources, 0)}}
	}
	suite.Tests = len(suite.Cases)
	out, err := xml.MarshalIndent(junitSuites{Name: "lockstep", Tests: suite.Tests, Failures: suite.Failures, Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(out)+"\n")
	return err
}
