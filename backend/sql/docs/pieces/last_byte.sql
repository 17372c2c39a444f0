-- last_byte node: The position of the last byte of a document.
(SELECT n.size - 1 FROM node n WHERE n.id = {{node}})
