"""Configure the MCP clients of this machine: find them, edit their files, undo the edits.

Owns nothing itself. `clients` knows the location and format of each client's server entries;
`jsonc`, `toml_text` and `yaml_text` change one entry of a text and leave every other byte
unchanged; `files` reads and replaces files; `plugin` is the folder that Claude Code loads; `work`
combines them. Never runs a client and never needs a network.
"""
