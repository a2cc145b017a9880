"""Configure the clients of this machine: find them, write their files, take it back.

The parts: `clients` knows where each client keeps its servers and in which shape; `jsonc`,
`toml_text` and `yaml_text` change one entry of a text and leave every other byte alone; `files`
reads and replaces files; `plugin` is the folder that Claude Code loads; `work` puts them together.
Never runs a client and never needs a network.
"""
