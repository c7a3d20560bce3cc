"use strict";

// Starts Swagger UI on the hub's API document; asks no other host (validatorUrl: null).
(() => {
  const place = document.getElementById("swagger-ui");
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const dress = () => document.documentElement.classList.toggle("dark-mode", night.matches);
  night.addEventListener("change", dress);
  dress();

  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    validatorUrl: null,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 2,
    displayRequestDuration: true,
    tryItOutEnabled: false,
    onComplete: () => document.getElementById("servers")?.setAttribute("aria-label", "Server"),
    // A browser that is signed in may also change things, with its CSRF token.
    requestInterceptor: (request) => {
      const isOurs = new URL(request.url, location.href).origin === location.origin;
      if (isOurs && request.method && request.method !== "GET") {
        request.headers["X-CSRFToken"] = place.dataset.csrf;
      }
      return request;
    },
  });
})();
