"""The tools of two older servers, mcp-background-job and mcp-bgtask, on top of our own."""
