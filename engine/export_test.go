package engine

// JournalFile is what a journal writes to.
type JournalFile = journalFile

// WrapFile puts something between the journal and its file, so that a test can let the process die in it.
func (j *Journal) WrapFile(wrap func(JournalFile) JournalFile) { j.file = wrap(j.file) }
