import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { SummaryReporter } from "./reporter.js"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  root: path(".."),
  resolve: {
    alias: [
      { find: /^effect-oci$/, replacement: path("../src/index.ts") },
      { find: /^effect-oci\/(.*)$/, replacement: `${path("../src")}/$1.ts` }
    ]
  },
  test: { include: ["test/**/*.test.ts"], reporters: ["default", new SummaryReporter()] }
})
