package commands

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/node"
)

func init() {
	RootCmd.AddCommand(bootstrapStateCmd())
}

// bootstrapStateCmd gives an empty node the state of a height at which its
// application already stands: after `defchain-app snapshot import --restore`.
// CometBFT has the function, but no command for it.
func bootstrapStateCmd() *cobra.Command {
	var (
		height  uint64
		appHash string
	)
	cmd := &cobra.Command{
		Use:   "bootstrap-state",
		Short: "give an empty node the state of a height that its application was restored at",
		Long: `Fetches the headers of --height and verifies them with the light client that [statesync]
configures (rpc_servers, trust_height, trust_hash, trust_period), then writes the state of
that height. The node must not have run. It goes on with block sync from there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hash, err := hex.DecodeString(appHash)
			if err != nil || len(hash) != 32 {
				return fmt.Errorf("--app-hash %q is not 64 hex digits", appHash)
			}
			if height == 0 {
				return fmt.Errorf("--height is 0: give the height of the snapshot")
			}
			if err := node.BootstrapState(cmd.Context(), config, cfg.DefaultDBProvider, height, hash); err != nil {
				return fmt.Errorf("height %d: %w", height, err)
			}
			fmt.Printf("CometBFT stands at height %d now\n", height)
			return nil
		},
	}
	cmd.Flags().Uint64Var(&height, "height", 0, "the snapshot's height")
	cmd.Flags().StringVar(&appHash, "app-hash", "", "the app hash of that height, hex")
	return cmd
}
