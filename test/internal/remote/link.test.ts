import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Link from "../../../src/internal/remote/link.js"

const shown = (header: string) =>
  Link.parse(header).links.map(({ parameters, target }) => [target, Object.fromEntries(parameters)])

describe("Link", () => {
  it("reads what registries send", () => {
    assert.deepStrictEqual(shown("</v2/app/tags/list?n=2&last=b>; rel=\"next\""), [
      ["/v2/app/tags/list?n=2&last=b", { rel: "next" }]
    ])
    assert.deepStrictEqual(shown("</v2/_catalog?last=x>;rel=next"), [["/v2/_catalog?last=x", { rel: "next" }]])
  })

  it("reads several links, quoted commas, escapes and empty parameters", () => {
    assert.deepStrictEqual(
      shown("<a,b;c>; title=\"x, <y>; \\\"z\\\"\" ; REL = prev ,, <d>;;crossorigin; rel=\"up next\", <e>"),
      [
        ["a,b;c", { title: "x, <y>; \"z\"", rel: "prev" }],
        ["d", { crossorigin: "", rel: "up next" }],
        ["e", {}]
      ]
    )
  })

  it("keeps the first of a repeated parameter", () => {
    assert.deepStrictEqual(shown("<a>; rel=first; rel=next"), [["a", { rel: "first" }]])
  })

  it("finds the next page among other links, whatever the case", () => {
    assert.deepStrictEqual(Link.next("<a>; rel=prev, <b>; Rel=\"last NEXT\""), Option.some("b"))
    assert.deepStrictEqual(Link.next("<a>; rel=nextish"), Option.none())
  })

  it("reads targets without angle brackets", () => {
    assert.deepStrictEqual(shown("/v2/_catalog?n=2&last=b; rel=next"), [["/v2/_catalog?n=2&last=b", { rel: "next" }]])
    assert.deepStrictEqual(shown("a ;rel=prev, /x?last=b,c; rel=\"next\", <d>; rel=last"), [
      ["a", { rel: "prev" }],
      ["/x?last=b,c", { rel: "next" }],
      ["d", { rel: "last" }]
    ])
  })

  it("tells that a part of a header is no link", () => {
    for (const header of ["<a", "junk", "<a>; rel=prev, junk", "; rel=next", "\"a\"; rel=next"]) {
      assert.isTrue(Link.parse(header).isUnreadable, header)
    }
    for (const header of ["", " ", "<a>; rel=next", ", <a>,, b; rel=next ,"]) {
      assert.isFalse(Link.parse(header).isUnreadable, header)
    }
  })

  it("passes over what is not a link", () => {
    assert.deepStrictEqual(shown("junk \"<a>, \" here, <b>; rel=next"), [["b", { rel: "next" }]])
    assert.deepStrictEqual(shown("<a"), [])
    assert.deepStrictEqual(shown("<a>; x=\"open"), [["a", { x: "open" }]])
  })

  it("takes no longer than the header is long", () => {
    // Quadratic time would be hours.
    for (const part of ["<,", "a,", "a, ", "a\""]) {
      assert.deepStrictEqual(Link.parse(part.repeat(1_500_000)).links, [])
    }
  })

  it.prop(
    "reads back what is written",
    [FastCheck.array(FastCheck.tuple(
      FastCheck.webUrl({ withQueryParameters: true }).filter((url) => !url.includes(">")),
      FastCheck.dictionary(FastCheck.stringMatching(/^[a-z][a-z0-9]{0,8}$/), FastCheck.string(), { maxKeys: 4 })
    ))],
    ([links]) => {
      const quote = (value: string) => `"${value.replace(/["\\]/g, "\\$&")}"`
      const header = links.map(([target, parameters]) =>
        `<${target}>${Object.entries(parameters).map(([key, value]) => `; ${key}=${quote(value)}`).join("")}`
      ).join(", ")
      assert.deepStrictEqual(
        Link.parse(header).links.map((link) => [link.target, Array.from(link.parameters)]),
        links.map(([target, parameters]) => [target, Object.entries(parameters)])
      )
    }
  )

  it.prop("never throws, and always ends", [FastCheck.oneof(
    FastCheck.string(),
    FastCheck.array(FastCheck.constantFrom("<", ">", ";", ",", "\"", "\\", "=", " ", "rel", "next", "\t"), {
      maxLength: 60
    }).map((parts) => parts.join(""))
  )], ([header]) => {
    for (const { target } of Link.parse(header).links) assert.isFalse(target.includes(">"))
  })
})
