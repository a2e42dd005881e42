// Shows the document of the gateway that served this page. `validatorUrl` is null because the default sends the document's
// address to a service elsewhere.
SwaggerUIBundle({
  url: new URL("openapi/v1.json", document.baseURI).href,
  dom_id: "#ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  validatorUrl: null,
});
