// What Go's standard library can do at best: its HTTP server with one route and nothing else, for scripts/bench. The peers in
// Go are built on the same server and cannot be cheaper. It stands in for traefik/whoami, which the module proxy does not have.
package main

import (
	"net/http"
	"os"
)

func main() {
	body := []byte("{ \"status\": \"ok\" }\n")
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
