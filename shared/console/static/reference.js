/* Shows the contract in the colours that the reader's system prefers. It sends no request: each function may have an
   address of its own, and another origin may not be called from here. */
"use strict";

(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paint);
  paint();
  const place = document.querySelector("[data-contract]");
  SwaggerUIBundle({
    url: place.dataset.contract,
    domNode: place,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    supportedSubmitMethods: [],
    validatorUrl: null,
  });
})();
