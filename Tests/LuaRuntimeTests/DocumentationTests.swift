import Foundation
import TestSupport
import Testing

@_spi(Testing) import LuaRuntime

extension LuaRuntimeTests {
    /// The files that are made from declarations.
    @Suite struct Documentation {
        private static let module = LuaModuleDeclaration(
            "chexgen.metric", "Metrics of fidelity.\n\nFeatures are `[N, D]`.",
            functions: [
                LuaFunctionDeclaration(
                    "kid",
                    [
                        LuaParameter("real", .object("Tensor"), "Features of real images, `[N, D]`."),
                        LuaParameter(
                            "options",
                            .options([
                                LuaParameter("subsets", .integer, default: 100, "How many subsets."),
                                LuaParameter("mode", .choice(["a", "b"]), optional: true, "Which | way."),
                            ]), optional: true, "Options."),
                        LuaParameter("end", .oneOf([.integer, .list(.integer)]), default: -1, "A keyword."),
                        LuaParameter("more", .variadic(.number), "More numbers."),
                    ],
                    returns: [LuaResult("mean", .number, "The mean."), LuaResult("std", .number, "The deviation.")],
                    "Kernel distance.", example: "local mean, std = metric.kid(a)"
                ) { _ in [] },
                LuaFunctionDeclaration("none", "Does nothing.") { _ in [] },
            ],
            constants: [LuaConstantDeclaration("names", .list(.string), .table(LuaTable()), "All names.")],
            classes: [
                LuaClass<Other>.declaration(
                    "Tensor", "An array.",
                    methods: [
                        .method(
                            "map", [LuaParameter("f", .function("fun(x: number): number"), "A function.")],
                            returns: [LuaResult("result", .object("Tensor"), "A new one.")], "Applies a function."
                        ) { _, _ in [] }
                    ],
                    properties: [
                        .property("shape", .list(.integer), "Its shape.") { _ in .nil },
                        .property("parts", .dictionary(.list(.oneOf([.string, .any]))), "Parts.") { _ in .nil },
                    ],
                    operators: [
                        .add: .binary { left, _ in left }, .len: .unary { .object($0) },
                        .eq: .binary { left, _ in left },
                    ], index: { _, _ in .nil })
            ])

        /// Compares with a committed file; with `CHEXGEN_ACCEPT=1` in the environment the file is written instead.
        private func expect(_ text: String, equals name: String) throws {
            let file = URL(fileURLWithPath: Places.fixtures("luaruntime/\(name)"))
            if ProcessInfo.processInfo.environment["CHEXGEN_ACCEPT"] == "1" {
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            #expect(text == (try String(contentsOf: file, encoding: .utf8)))
        }

        @Test func stubs() throws { try expect(StubWriter.stubs(for: Self.module), equals: "metric.lua") }

        @Test func manual() throws {
            try expect(ManualWriter.manual(for: [Self.module, probeModule]), equals: "manual.md")
        }

        @Test func stubsAreLua() throws {
            let host = try LuaHost()
            for module in [Self.module, probeModule] {
                try host.setGlobal("text", .string(StubWriter.stubs(for: module)))
                #expect(describe(try host.run("return load(text) ~= nil", name: "t")) == "true")
            }
        }
    }
}
