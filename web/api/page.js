// Draws the OpenAPI that lies beside this page's own address. Nothing is asked of any other server.
const here = location.pathname.replace(/\/+$/, "");
SwaggerUIBundle({
	url: here + "/openapi.json",
	dom_id: "#page",
	deepLinking: true,
	persistAuthorization: true,
	tryItOutEnabled: true,
	validatorUrl: null,
});
