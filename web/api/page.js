// Draws the OpenAPI that lies beside this page's own address. Nothing is asked of any other server.
const here = location.pathname.replace(/\/+$/, "");
// A token that lies in the browser is there for whoever sits down at it next: it is kept when that was asked for, and only for as long.
const KEPT = "authorized";
const asked = "nephos-keep-token";
const keep = document.getElementById("keep");
keep.checked = localStorage.getItem(asked) !== null;
if (!keep.checked) localStorage.removeItem(KEPT);
keep.addEventListener("change", () => {
	if (keep.checked) {
		localStorage.setItem(asked, "1");
	} else {
		localStorage.removeItem(asked);
		localStorage.removeItem(KEPT);
	}
	location.replace(here);
});
SwaggerUIBundle({
	url: here + "/openapi.json",
	dom_id: "#page",
	deepLinking: true,
	persistAuthorization: keep.checked,
	tryItOutEnabled: true,
	validatorUrl: null,
});
