// Command peak runs a program and prints the most memory that it held, in the system's own unit. What the
// program prints goes to stderr.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	c := exec.Command(os.Args[1], os.Args[2:]...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	err := c.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if c.ProcessState == nil {
		os.Exit(1)
	}
	fmt.Print(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
}
