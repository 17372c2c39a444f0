-- write
LISTEN nephos_docs
