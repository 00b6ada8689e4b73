package schema

import "strings"

// A wordSearch looks for many words in a text at once: one pass over megabytes of scripts instead of one a word.
type wordSearch struct {
	words []string
	pairs [1 << 10]uint64 // a bit for each pair of bytes with which a word begins
}

// newWordSearch makes a search for words of two bytes and more.
func newWordSearch(words []string) *wordSearch {
	w := &wordSearch{words: words}
	for _, s := range words {
		p := uint16(s[0])<<8 | uint16(s[1])
		w.pairs[p>>6] |= 1 << (p & 63)
	}
	return w
}

// in gives the words that stand in the text; nil when none does.
func (w *wordSearch) in(text string) (found map[string]bool) {
	if len(text) < 2 {
		return nil
	}
	p := uint16(text[0])
	for i := 1; i < len(text); i++ {
		p = p<<8 | uint16(text[i])
		if w.pairs[p>>6]&(1<<(p&63)) == 0 {
			continue
		}
		for _, s := range w.words {
			if strings.HasPrefix(text[i-1:], s) && !found[s] {
				if found == nil {
					found = map[string]bool{}
				}
				found[s] = true
			}
		}
	}
	return found
}
