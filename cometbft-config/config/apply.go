// Package config puts our values into CometBFT's configuration.
package config

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	cmtcfg "github.com/cometbft/cometbft/config"
)

// Overrides are our values, with the reason for each.
//
//go:embed overrides.toml
var Overrides string

// Apply returns CometBFT's defaults with the overrides in them. A key that
// CometBFT does not know is an error: it would be ignored there without a word.
func Apply(overrides string) (*cmtcfg.Config, error) {
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(overrides)); err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	cfg := cmtcfg.DefaultConfig()
	if err := v.Unmarshal(cfg, func(d *mapstructure.DecoderConfig) { d.ErrorUnused = true }); err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	if err := cfg.ValidateBasic(); err != nil {
		return nil, fmt.Errorf("the configuration is refused: %w", err)
	}
	return cfg, nil
}

// Render returns the configuration file as CometBFT itself writes it.
func Render(cfg *cmtcfg.Config) ([]byte, error) {
	dir, err := os.MkdirTemp("", "cometbft-config")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.toml")
	cmtcfg.WriteConfigFile(path, cfg)
	return os.ReadFile(path)
}
