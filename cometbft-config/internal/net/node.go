package net

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// node is one CometBFT with its built-in key-value application.
type node struct {
	binary, home string
	rpc, p2p     string // host:port
	id           string
	validator    genesisValidator
	cmd          *exec.Cmd
	exited       chan error
	log          *os.File
}

type genesisValidator struct {
	Address string          `json:"address"`
	PubKey  json.RawMessage `json:"pub_key"`
	Power   string          `json:"power"`
	Name    string          `json:"name"`
}

// initNode makes keys in a new home and picks two free ports.
func initNode(ctx context.Context, binary, home string) (*node, error) {
	n := &node{binary: binary, home: home}
	if _, err := n.run(ctx, "init"); err != nil {
		return nil, err
	}
	id, err := n.run(ctx, "show-node-id")
	if err != nil {
		return nil, err
	}
	n.id = strings.TrimSpace(id)
	genesis, err := os.ReadFile(n.genesisFile())
	if err != nil {
		return nil, err
	}
	var doc struct{ Validators []genesisValidator }
	if err := json.Unmarshal(genesis, &doc); err != nil || len(doc.Validators) != 1 {
		return nil, fmt.Errorf("%s has %d validators, not 1: %w", n.genesisFile(), len(doc.Validators), err)
	}
	n.validator = doc.Validators[0]
	if n.rpc, err = freeAddress(); err != nil {
		return nil, err
	}
	n.p2p, err = freeAddress()
	return n, err
}

func (n *node) genesisFile() string { return filepath.Join(n.home, "config", "genesis.json") }

func (n *node) logFile() string { return filepath.Join(n.home, "cometbft.log") }

func (n *node) run(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, n.binary, append(args, "--home", n.home)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cometbft %s: %w: %s", args[0], err, stderr.String())
	}
	return stdout.String(), nil
}

// freeAddress asks the system for a port that nobody has.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (n *node) start() error {
	log, err := os.Create(n.logFile())
	if err != nil {
		return err
	}
	n.log = log
	n.cmd = exec.Command(n.binary, "start", "--home", n.home)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	n.exited = make(chan error, 1)
	go func() { n.exited <- n.cmd.Wait() }()
	return nil
}

// stop ends the process and waits until it is gone. It returns the processor
// time it used.
func (n *node) stop() time.Duration {
	if n.cmd == nil || n.exited == nil {
		return 0
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(10 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.exited
	}
	n.exited = nil
	_ = n.log.Close()
	state := n.cmd.ProcessState
	return state.UserTime() + state.SystemTime()
}

// alive is an error when the process has ended by itself.
func (n *node) alive() error {
	if n.exited == nil {
		return nil // stopped by us
	}
	select {
	case err := <-n.exited:
		n.exited <- err
		tail, _ := os.ReadFile(n.logFile())
		return fmt.Errorf("%s ended (%v): …%s", n.home, err, tail[max(0, len(tail)-2000):])
	default:
		return nil
	}
}

// logged counts the lines of the log that contain text.
func (n *node) logged(text string) (int, error) {
	log, err := os.ReadFile(n.logFile())
	return bytes.Count(log, []byte(text)), err
}
