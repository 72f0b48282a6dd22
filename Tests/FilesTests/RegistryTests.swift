import Files
import Testing

@Suite struct RegistryTests {
    @Test func entriesAreAddedFromOutsideOnce() throws {
        var registry = Registry("solver", [("euler", 1), ("heun", 2)])
        let before = registry
        #expect(registry.names == ["euler", "heun"] && registry.all == [1, 2])
        try registry.add("midpoint", 3)
        #expect(try registry.entry("midpoint") == 3)
        #expect(registry["verlet"] == nil)
        #expect(registry.names == ["euler", "heun", "midpoint"])
        #expect(throws: RegistryError.taken(kind: "solver", name: "euler")) { try registry.add("euler", 9) }
        #expect(registry["euler"] == 1 && before.names == ["euler", "heun"])
        try registry.put("heun", 5) { $0 == 2 }
        try registry.put("rk4", 6) { _ in false }
        #expect(registry["heun"] == 5 && registry.names == ["euler", "heun", "midpoint", "rk4"])
        #expect(throws: RegistryError.taken(kind: "solver", name: "heun")) { try registry.put("heun", 7) { $0 == 2 } }
    }

    @Test func unknownNamesGetTheKnownAndTheNearest() {
        let registry = Registry("solver", [("euler", 1), ("heun", 2)])
        let error = #expect(throws: RegistryError.self) { try registry.entry("eular") }
        #expect(
            error?.description
                == "the solver \"eular\" is not known; known are euler, heun; did you mean \"euler\"?")
        let other = #expect(throws: RegistryError.self) { try registry.entry("something else") }
        #expect(other?.description == "the solver \"something else\" is not known; known are euler, heun")
    }
}
