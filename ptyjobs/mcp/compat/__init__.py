"""The tools of two older servers, mcp-background-job and mcp-bgtask, built on our own."""
