import Testing

@_spi(Testing) import LuaRuntime

/// A base class, with one subclass that has no declaration of its own and one that has.
private class Animal {
    let name: String
    let owner: String?
    var items = ["1": "one"]

    init(_ name: String, owner: String? = nil) {
        self.name = name
        self.owner = owner
    }
}

private final class Cat: Animal {}

private final class Dog: Animal {
    let tricks = 3
}

private let animals = LuaModuleDeclaration(
    "test.animals", "Animals.",
    functions: [
        LuaFunctionDeclaration("animal", "…") { _ in [.object(Animal("newt"))] },
        LuaFunctionDeclaration("cat", "…") { _ in [.object(Cat("Tom", owner: "Ann"))] },
        LuaFunctionDeclaration("dog", "…") { _ in [.object(Dog("Rex"))] },
    ],
    classes: [
        LuaClass<Animal>.declaration(
            "Animal", "An animal.",
            methods: [
                .method("call", [LuaParameter("times", .integer, default: 1, "How often.")], "Calls it.") {
                    animal, arguments in
                    [.string(String(repeating: animal.name, count: try arguments.integer("times")))]
                }
            ],
            properties: [
                .property("name", .string, "Its name.") { .string($0.name) },
                .optional("owner", .string, "Whose it is.") { $0.owner.map { .string($0) } },
            ],
            operators: [
                .len: .unary { .integer($0.name.count) },
                .concat: .binary { left, right in
                    let texts = [left, right].map { ($0.objectValue as? Animal)?.name ?? $0.stringValue ?? "?" }
                    return .string(texts.joined(separator: "+"))
                },
                .call: .call { animal, arguments in .string("\(animal.name) of \(arguments.count)") },
            ],
            index: { animal, key in key.stringValue.flatMap { animal.items[$0] }.map { .string($0) } ?? .nil },
            newIndex: { animal, key, value in animal.items[key.stringValue ?? ""] = value.stringValue }),
        LuaClass<Dog>.declaration(
            "Dog", "A dog.", properties: [.property("tricks", .integer, "How many.") { .integer($0.tricks) }]),
    ])

private func ask(_ source: String) throws -> String {
    let host = try makeHost()
    defer { host.close() }
    try host.register(animals)
    return try describe(host.run("local a = require 'test.animals'; " + source, name: "test"))
}

extension LuaRuntimeTests {
    /// Typed declarations of classes.
    @Suite struct Classes {
        @Test func bodiesGetTheObject() throws {
            #expect(try ask("local n = a.animal(); return n:call(2), n.name, #n") == "newtnewt newt 4")
            #expect(try ask("local n = a.animal(); return n .. 'x', 'x' .. n, n(1, 2)") == "newt+x x+newt newt of 2")
            #expect(try ask("local n = a.animal(); n['2'] = 'two'; return n['1'], n['2'], n['3']") == "one two nil")
        }

        @Test func whatIsMissingIsNil() throws {
            #expect(try ask("return a.animal().owner, a.cat().owner") == "nil Ann")
        }

        @Test func subclassesBelongToTheirSuperclass() throws {
            #expect(try ask("local c = a.cat(); return c:call(), c.name, #c, c['1']") == "Tom Tom 3 one")
            #expect(try ask("return a.dog().tricks") == "3")
            #expect(try ask("return a.animal().call(a.dog(), 2)") == "RexRex")
        }

        @Test func anotherSelfIsAnError() throws {
            func message(_ source: String) -> String {
                do { return try ask(source) } catch { return (error as? LuaError)?.message ?? "\(error)" }
            }
            #expect(
                message("a.animal().call(3)")
                    == "test:1: bad self to 'call' (wanted Animal, got integer); call it as object:call(…)")
            #expect(
                message("a.animal().call(require 'test.probe'.new(1), 'x')")
                    == "test:1: bad self to 'call' (wanted Animal, got Probe); call it as object:call(…)")
            #expect(message("a.animal().call()").contains("(wanted Animal, got nothing)"))
            #expect(message("return a.dog().name").contains("Dog has no field 'name'"))
        }
    }
}
