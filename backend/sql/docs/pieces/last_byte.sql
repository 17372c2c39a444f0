-- last_byte node: Where the last byte of a document lies.
(SELECT n.size - 1 FROM node n WHERE n.id = {{node}})
