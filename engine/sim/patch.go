package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// patched is an object after the operations of a PATCH: those that were recorded
// and documented, on fields at any depth. "-" at the end of a field adds to a list.
func patched(r *request, o object) (object, *reply) {
	v, err := decode(r.body)
	if err != nil || list(v) == nil {
		return nil, invalidJSON(r)
	}
	for _, e := range list(v) {
		op := obj(e)
		path := strings.Split(strings.Trim(str(op["field"]), "/"), "/")
		o = obj(change1(o, path, str(op["operation"]), op["value"]))
		if o == nil {
			return nil, refusal(http.StatusBadRequest, "Unsupported patch operation")
		}
	}
	return o, nil
}

// change1 applies one operation below v, and gives nil for one it does not know.
func change1(v any, path []string, operation string, value any) any {
	name := path[0]
	if l, isList := v.([]any); isList {
		return changeList(l, path, operation, value)
	}
	o := obj(v)
	if len(path) > 1 {
		child, found := o[name]
		if !found && operation == "remove" {
			return o
		}
		if !found && path[1] == "-" {
			child = []any{}
		}
		after := change1(child, path[1:], operation, value)
		if after == nil {
			return nil
		}
		return with(o, name, after)
	}
	switch operation {
	case "add":
		if l, isList := o[name].([]any); isList {
			more, isMore := value.([]any)
			if !isMore {
				more = []any{value}
			}
			return with(o, name, append(slices.Clone(l), more...))
		}
		return with(o, name, value)
	case "replace":
		return with(o, name, value)
	case "remove":
		if l, isList := o[name].([]any); isList && value != nil {
			return with(o, name, slices.DeleteFunc(slices.Clone(l), func(e any) bool { return equal(e, value) }))
		}
		return without(o, name)
	case "increment":
		was, errA := strconv.ParseFloat(text(o[name]), 64)
		by, errB := strconv.ParseFloat(text(value), 64)
		if errA != nil || errB != nil {
			return nil
		}
		return with(o, name, json.Number(strconv.FormatFloat(was+by, 'f', -1, 64)))
	}
	return nil
}

// changeList is change1 for an element of a list, named by its index or by "-".
func changeList(l []any, path []string, operation string, value any) any {
	if path[0] == "-" && len(path) == 1 && operation == "add" {
		return append(slices.Clone(l), value)
	}
	i, err := strconv.Atoi(path[0])
	if err != nil || i < 0 || i >= len(l) {
		return nil
	}
	c := slices.Clone(l)
	switch {
	case len(path) > 1:
		if c[i] = change1(l[i], path[1:], operation, value); c[i] == nil {
			return nil
		}
	case operation == "remove":
		c = slices.Delete(c, i, i+1)
	case operation == "replace":
		c[i] = value
	case operation == "add":
		c = slices.Insert(c, i, value)
	default:
		return nil
	}
	return c
}
