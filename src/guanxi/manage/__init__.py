"""Pages for a person's own followings: the archive, plans and the server, over `guanxi.toolbox`."""
