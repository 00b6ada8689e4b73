package diff

// CheckPatch is for the tests outside the package.
var CheckPatch = checkPatch
