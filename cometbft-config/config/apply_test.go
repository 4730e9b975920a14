package config

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/viper"

	"github.com/cometbft/cometbft/libs/cli/flags"
	"github.com/cometbft/cometbft/libs/log"

	cometbftconfig "defchain/cometbft-config"
	"defchain/cometbft-config/internal/golden"
)

func TestTheTemplateIsWhatCometBFTWritesWithOurOverrides(t *testing.T) {
	cfg, err := Apply(Overrides)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Render(cfg)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "../templates/config.toml", file)
}

// CometBFT's own template leaves some keys out; an override of such a key would
// never reach a node.
func TestEveryOverrideStandsInTheFileThatANodeReads(t *testing.T) {
	overrides, written := viper.New(), viper.New()
	overrides.SetConfigType("toml")
	written.SetConfigType("toml")
	if err := overrides.ReadConfig(strings.NewReader(Overrides)); err != nil {
		t.Fatal(err)
	}
	cfg, err := Apply(Overrides)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Render(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := written.ReadConfig(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	keys := overrides.AllKeys()
	if len(keys) < 20 {
		t.Fatalf("only %d overrides were read", len(keys))
	}
	for _, key := range keys {
		// Durations may be spelled otherwise: 1s, 1000ms.
		if want, err := time.ParseDuration(overrides.GetString(key)); err == nil && want != 0 {
			if got := written.GetDuration(key); got != want {
				t.Errorf("%s is %s, not %s", key, got, want)
			}
			continue
		}
		if got, want := written.GetString(key), overrides.GetString(key); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
}

func TestAnUnknownKeyOrBadValueIsRefused(t *testing.T) {
	for name, overrides := range map[string]string{
		"a misspelt key":             `consensus.timeout_comit = "1s"`,
		"a misspelt section":         `mempol.type = "app"`,
		"a key of another release":   `consensus.next_block_delay = "1s"`,
		"a value of another type":    `p2p.send_rate = "fast"`,
		"a mempool that is not one":  `mempool.type = "fast"`,
		"a pause that is negative":   `consensus.timeout_commit = "-1s"`,
		"text that is not TOML":      `consensus =`,
		"a reaping that never comes": "mempool.type = \"app\"\nmempool.reap_interval = \"0s\"",
	} {
		if _, err := Apply(overrides); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTheVersionIsThePinnedOne(t *testing.T) {
	cfg, err := Apply(Overrides)
	if err != nil {
		t.Fatal(err)
	}
	version, _, err := cometbftconfig.Pin()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(version, "v") + "+pod"; cfg.Version != want {
		t.Fatalf("version is %q, not %q", cfg.Version, want)
	}
}

func TestTheLogLevelIsOneThatCometBFTReads(t *testing.T) {
	cfg, err := Apply(Overrides)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flags.ParseLogLevel(cfg.LogLevel, log.NewNopLogger(), "info"); err != nil {
		t.Fatal(err)
	}
}

// Limits that stand in two places must fit each other.
func TestTheLimitsOfABundleFitEachOther(t *testing.T) {
	cfg, err := Apply(Overrides)
	if err != nil {
		t.Fatal(err)
	}
	m := cfg.Mempool
	if m.MaxBatchBytes < m.MaxTxBytes+8 {
		t.Errorf("a batch of %d does not hold a bundle of %d and its framing", m.MaxBatchBytes, m.MaxTxBytes)
	}
	if m.ReapMaxBytes < uint64(m.MaxTxBytes) {
		t.Errorf("a reply of %d bytes cannot hold one bundle of %d", m.ReapMaxBytes, m.MaxTxBytes)
	}
	perSecond := uint64(time.Second/m.ReapInterval) * m.ReapMaxBytes
	if perSecond > uint64(cfg.P2P.SendRate) {
		t.Errorf("%d bytes a second are reaped, %d can be sent", perSecond, cfg.P2P.SendRate)
	}
}
