import Foundation
import Testing

@_spi(Testing) import LuaRuntime

/// All tests of this room. The request to stop is one for the process, so they run one after the other.
@Suite(.serialized) struct LuaRuntimeTests {}

/// Counts the objects that are alive.
final class Probe: LuaExternalBytes, LuaClosable {
    nonisolated(unsafe) static var alive = 0
    nonisolated(unsafe) static var closed = 0
    let value: Int
    let externalBytes: Int

    init(_ value: Int, bytes: Int = 0) {
        self.value = value
        externalBytes = bytes
        Probe.alive += 1
    }

    func close() { Probe.closed += 1 }

    deinit { Probe.alive -= 1 }
}

/// An error of a Swift function, to be seen again outside.
enum Planned: Error, CustomStringConvertible, Equatable {
    case failure(Int)
    var description: String { "planned failure" }
}

/// Something of another class.
final class Other {}

/// A host with a module `probe` whose functions use every part of the binding.
func makeHost(_ options: LuaOptions = LuaOptions()) throws -> LuaHost {
    let host = try LuaHost(options)
    try host.register(probeModule)
    return host
}

private let probeParameter = LuaParameter("probe", .object("Probe"), "A probe.")

let probeModule = LuaModuleDeclaration(
    "test.probe", "Probes of the binding.",
    functions: [
        LuaFunctionDeclaration(
            "new",
            [LuaParameter("value", .integer, "A number."), LuaParameter("bytes", .integer, default: 0, "Size.")],
            returns: [LuaResult("probe", .object("Probe"), "The probe.")], "Makes a probe.",
            example: "local p = probe.new(1)"
        ) { [.object(Probe(try $0.integer("value"), bytes: try $0.integer("bytes")))] },
        LuaFunctionDeclaration("other", "Makes something else.") { _ in [.object(Other())] },
        LuaFunctionDeclaration("fail", [LuaParameter("code", .integer, default: 1, "Code.")], "Fails.") {
            throw Planned.failure(try $0.integer("code"))
        },
        LuaFunctionDeclaration("echo", [LuaParameter("values", .variadic(.any), "Values.")], "Gives its values back.") {
            $0.rest
        },
        LuaFunctionDeclaration(
            "call",
            [
                LuaParameter("f", .function("fun(...): any"), "A function."),
                LuaParameter("values", .variadic(.any), "Its arguments."),
            ], "Calls a function."
        ) { try $0.function("f").call($0.rest) },
        LuaFunctionDeclaration(
            "kid",
            [
                LuaParameter("real", .list(.number), "Numbers."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("subsets", .integer, default: 100, "How many."),
                        LuaParameter("mode", .choice(["fast", "exact"]), default: "exact", "Which way."),
                        LuaParameter("names", .list(.string), optional: true, "Names."),
                    ]), optional: true, "Options."),
            ], returns: [LuaResult("subsets", .integer, "How many.")], "Takes options."
        ) {
            let options = try $0.options("options")
            return [.integer(try options.integer("subsets")), .string(try options.string("mode"))]
        },
        LuaFunctionDeclaration("value", [probeParameter], "The probe's number.") {
            [.integer(try $0.object("probe", as: Probe.self).value)]
        },
        LuaFunctionDeclaration("same", "Gives one probe, always the same.") { _ in [.object(theProbe)] },
        LuaFunctionDeclaration("count", [LuaParameter("n", .integer, "End.")], "Iterates.") {
            let end = try $0.integer("n")
            var next = 0
            return [
                .closure(
                    LuaClosure("count") { _ in
                        next += 1
                        return next <= end ? [.integer(next)] : [.nil]
                    })
            ]
        },
        LuaFunctionDeclaration("many", [LuaParameter("n", .integer, "How many.")], "Gives many values.") {
            (0..<max(0, min(1_000_000, try $0.integer("n")))).map { .integer($0 + 1) }
        },
        LuaFunctionDeclaration("constant", "A read-only table.") { _ in
            let inner = LuaTable(array: [1, 2, 3])
            let table = LuaTable(array: [10, 20], fields: [("b", 1), ("a", "x"), ("inner", .table(inner))])
            table.isReadOnly = true
            return [.table(table)]
        },
        LuaFunctionDeclaration(
            "half", [LuaParameter("x", .oneOf([.number, .list(.number)]), "Number or numbers.")], "…"
        ) {
            switch $0.value("x") {
            case .table(let table): return [.number(table.array.compactMap(\.numberValue).reduce(0, +) / 2)]
            case let value: return [.number((value.numberValue ?? 0) / 2)]
            }
        },
    ],
    constants: [
        LuaConstantDeclaration(
            "names", .list(.string), .table(LuaTable(array: ["Edema", "Pneumonia"])), "Some names.")
    ],
    classes: [
        LuaClass<Probe>.declaration(
            "Probe", "A probe.",
            methods: [
                .method("get", returns: [LuaResult("value", .integer, "The number.")], "Its number.") { probe, _ in
                    [.integer(probe.value)]
                },
                .method("plus", [LuaParameter("other", .object("Probe"), "Another.")], "A sum.") { probe, arguments in
                    [.object(Probe(try probe.value + arguments.object("other", as: Probe.self).value))]
                },
                .method("fail", [], "Fails.") { _, _ in throw Planned.failure(2) },
            ],
            properties: [.property("value", .integer, "Its number.") { .integer($0.value) }],
            operators: [
                .add: .binary { .object(Probe(try number($0) + number($1))) },
                .eq: .binary { .boolean(try number($0) == number($1)) },
                .len: .unary { .integer($0.value) },
                .unm: .unary { .object(Probe(-$0.value)) },
                .tostring: .unary { .string("Probe(\($0.value))") },
            ]),
        LuaClass<Other>.declaration("Other", "Something else."),
    ])

let theProbe = Probe(7)

private func number(_ value: LuaValue) throws -> Int {
    if let probe = value.objectValue as? Probe { return probe.value }
    guard let number = value.integerValue else { throw LuaError("wanted a Probe or an integer") }
    return number
}

/// Runs a script in a host of its own and gives the first result as text.
@discardableResult
func run(_ source: String, _ options: LuaOptions = LuaOptions()) throws -> String {
    let host = try makeHost(options)
    defer { host.close() }
    return try describe(host.run("local probe = require 'test.probe'; " + source, name: "test"))
}

/// The error that a script ends with.
func failure(_ source: String, _ options: LuaOptions = LuaOptions()) -> LuaError {
    do {
        let result = try run(source, options)
        return LuaError("no error, but \(result)")
    } catch let error as LuaError {
        return error
    } catch {
        return LuaError("an error of another type: \(error)")
    }
}

func describe(_ values: [LuaValue]) -> String {
    values.map { value in
        switch value {
        case .nil: return "nil"
        case .boolean(let value): return "\(value)"
        case .integer(let value): return "\(value)"
        case .number(let value): return "\(value)"
        case .string(let value): return value
        case .bytes(let value): return "\(value)"
        case .table(let table):
            let fields = table.fields.map { "\($0.name)=\(describe([$0.value]))" }
            return "{" + (table.array.map { describe([$0]) } + fields).joined(separator: ",") + "}"
        case .function, .closure: return "function"
        case .object(let object): return "\(type(of: object))"
        }
    }.joined(separator: " ")
}
