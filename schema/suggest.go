package schema

import "unicode/utf8"

// Suggest returns the candidate that word was probably meant to be, "" if none is near: at most a
// third of the word's characters differ, three at most. Of equally near ones, the first wins.
func Suggest(word string, candidates []string) string {
	limit := min(max(utf8.RuneCountInString(word)/3, 1), 3)
	best, bestAt := "", limit+1
	for _, c := range candidates {
		if c == word {
			continue
		}
		if d := distance(word, c, bestAt-1); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance counts the edits (insert, delete, replace, swap of neighbours) from a to b; what is above
// limit is given as limit+1.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > limit || len(y)-len(x) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(y)], limit+1)
}
