// Go's own resolver: "MICROSECONDS ADDRESS...", without addresses if there are none.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: resolve NAME")
		os.Exit(2)
	}
	resolver := net.Resolver{PreferGo: true}
	before := time.Now()
	addresses, err := resolver.LookupHost(context.Background(), os.Args[1])
	spent := time.Since(before).Microseconds()
	var failure *net.DNSError
	if err != nil && !(errors.As(err, &failure) && failure.IsNotFound) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(spent)
	for _, address := range addresses {
		fmt.Print(" ", address)
	}
	fmt.Println()
}
