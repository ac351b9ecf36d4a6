// A client of grpc-go as a service mesh or a load balancer of gRPC has one: it asks every service, and its channel checks the
// server's health itself (https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md), so that it takes a
// server whose readiness fails for one to leave alone. It prints what it meets, a line each; exit 1 when that is not in time.
//
//	go-client HOST:PORT
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // registers the channel's own health checks
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const patience = 30 * time.Second

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func dial(address string, options ...grpc.DialOption) *grpc.ClientConn {
	channel, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	must(err)
	return channel
}

// The plan in force is another from now on.
func rules(ctx context.Context, address, plan string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+"/faults", strings.NewReader(plan))
	must(err)
	request.Header.Set("Probe-Control", "1")
	answer, err := http.DefaultClient.Do(request)
	must(err)
	answer.Body.Close()
	fmt.Println("plan", plan, answer.StatusCode)
}

func main() {
	address := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	plain := dial(address)
	client := health.NewHealthClient(plain)
	for _, service := range []string{"", "liveness", "readiness", "startup", "nobody"} {
		answer, err := client.Check(ctx, &health.HealthCheckRequest{Service: service})
		fmt.Printf("check %q %v %v\n", service, answer.GetStatus(), status.Code(err))
	}
	list, err := client.List(ctx, &health.HealthListRequest{})
	must(err)
	fmt.Println("list", len(list.Statuses))

	checked := dial(address, grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "readiness"}}`))
	meets := func(wanted connectivity.State) {
		for state := checked.GetState(); state != wanted; state = checked.GetState() {
			if !checked.WaitForStateChange(ctx, state) {
				must(fmt.Errorf("the channel is %v, expected %v", state, wanted))
			}
		}
		fmt.Println("channel", wanted)
	}
	checked.Connect()
	meets(connectivity.Ready)
	rules(ctx, address, "ready fail")
	meets(connectivity.TransientFailure)
	rules(ctx, address, "live delay 1ms")
	meets(connectivity.Ready)

	// What follows a signal that comes from outside once this is read.
	stream, err := client.Watch(ctx, &health.HealthCheckRequest{Service: "readiness"})
	must(err)
	first, err := stream.Recv()
	must(err)
	fmt.Println("watch", first.Status)
	bufio.NewReader(os.Stdin).ReadString('\n')
	for {
		answer, err := stream.Recv()
		if err != nil {
			fmt.Println("watch", status.Code(err))
			return
		}
		fmt.Println("watch", answer.Status)
	}
}
