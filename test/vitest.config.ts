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
  test: {
    reporters: ["default", new SummaryReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          testTimeout: 60_000,
          include: ["test/**/*.test.ts"],
          exclude: ["test/real/**"],
          sequence: { groupOrder: 0 }
        }
      },
      {
        // One file at a time and after all others: these move gigabytes, and what has a time-out should not feel it.
        extends: true,
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          testTimeout: 60_000,
          poolOptions: { forks: { singleFork: true } },
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
