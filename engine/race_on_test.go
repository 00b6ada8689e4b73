//go:build race

package engine_test

// raced: the race detector is on, and everything takes five times as long.
const raced = true
