"""A net as a page: `follow` reads it again when its file is saved, `page` writes HTML, `server` gives it out."""
