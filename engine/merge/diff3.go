package merge

// side says of which version something is.
type side int

const (
	sideBase side = iota
	sideOurs
	sideTheirs
)

// A chunk is a run of lines or elements: taken from one version, or changed by both.
type chunk struct {
	clash  bool
	from   side
	lo, hi int
	// of a clash, the runs in each version
	b0, b1, o0, o1, t0, t1 int
}

// most is how many cells the table of a comparison may have; beyond, what differs is one run.
const most = 16 << 20

// diff3 merges two sequences that were made of one. Runs in which only one side differs from the base are taken
// from that side; those in which both do alike are taken once.
func diff3(base, ours, theirs []string) []chunk {
	inOurs, inTheirs := matches(base, ours), matches(base, theirs)
	var out []chunk
	b, o, t := 0, 0, 0
	flush := func(b1, o1, t1 int) {
		x, y, z := base[b:b1], ours[o:o1], theirs[t:t1]
		switch {
		case len(x)+len(y)+len(z) == 0:
		case equal(x, z) || equal(y, z):
			out = append(out, chunk{from: sideOurs, lo: o, hi: o1})
		case equal(x, y):
			out = append(out, chunk{from: sideTheirs, lo: t, hi: t1})
		default:
			out = append(out, chunk{clash: true, b0: b, b1: b1, o0: o, o1: o1, t0: t, t1: t1})
		}
		b, o, t = b1, o1, t1
	}
	for i := 0; i < len(base); i++ {
		if inOurs[i] < 0 || inTheirs[i] < 0 {
			continue
		}
		flush(i, inOurs[i], inTheirs[i])
		out = append(out, chunk{from: sideBase, lo: i, hi: i + 1})
		b, o, t = i+1, inOurs[i]+1, inTheirs[i]+1
	}
	flush(len(base), len(ours), len(theirs))
	return out
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// matches gives for each element of a the place of the same one in b, along a longest common subsequence; -1
// for those that b does not have there.
func matches(a, b []string) []int {
	out := make([]int, len(a))
	for i := range out {
		out[i] = -1
	}
	lo := 0
	for lo < len(a) && lo < len(b) && a[lo] == b[lo] {
		out[lo] = lo
		lo++
	}
	endA, endB := len(a), len(b)
	for endA > lo && endB > lo && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
		out[endA] = endB
	}
	n, m := endA-lo, endB-lo
	if n == 0 || m == 0 || n*m > most {
		return out
	}
	table := make([]int32, (n+1)*(m+1))
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			switch {
			case a[lo+i] == b[lo+j]:
				table[i*(m+1)+j] = table[(i+1)*(m+1)+j+1] + 1
			default:
				table[i*(m+1)+j] = max(table[(i+1)*(m+1)+j], table[i*(m+1)+j+1])
			}
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case a[lo+i] == b[lo+j]:
			out[lo+i] = lo + j
			i, j = i+1, j+1
		case table[(i+1)*(m+1)+j] >= table[i*(m+1)+j+1]:
			i++
		default:
			j++
		}
	}
	return out
}
