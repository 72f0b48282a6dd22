import Encoders
import Identity
import LuaRuntime

/// `model.encoders`: what an evaluation knows of every encoder before it loads one.
enum EncoderList {
    static func declaration(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "encoders",
            returns: [
                LuaResult(
                    "entries", .list(.table),
                    "`name`, `about`, `ending` (what follows the names of its metrics in tables), `compares_sets` "
                        + "(whether metrics of sets, such as FID, are taken of its features), `roles` (by role, "
                        + "`neighbours` or `logits`: the output that plays it under `chexgenbench` and under `exact`, and the "
                        + "`ending` of the role's columns), `outputs` and `weights` (of the program's own), `registered`."
                )
            ],
            "The encoders in the order of their columns: the program's own, then those that scripts registered, by name."
        ) { _ in
            let registered = session.registered.values.filter(\.mayBeEncoder).sorted { $0.name < $1.name }
            return [.table(LuaTable(array: session.encoders.entries.map(fields) + registered.map(fields)))]
        }
    }

    /// The names with what they are, for the manual.
    static func text(_ encoders: EncoderRegistry) -> String {
        encoders.entries.map { "`\($0.name)` (\($0.about)), " }.joined()
    }

    private static func fields(_ entry: EncoderEntry) -> LuaValue {
        .fields([
            ("name", .string(entry.name)), ("about", .string(entry.about)), ("ending", .string(entry.columnEnding)),
            ("compares_sets", .boolean(entry.comparesSets)),
            ("roles", roles(entry.roles)), ("outputs", .list(entry.outputs)),
            ("weights", .string(entry.weights.place)), ("registered", .boolean(false)),
        ])
    }

    private static func fields(_ model: RegisteredModel) -> LuaValue {
        .fields([
            ("name", .string(model.name)), ("about", .string(model.about)), ("ending", .string(model.columnEnding)),
            ("compares_sets", .boolean(true)),
            ("roles", roles(model.roles.mapValues { .init(output: $0, columnEnding: model.columnEnding) })),
            ("registered", .boolean(true)),
        ])
    }

    private static func roles(_ roles: [EncoderRole: EncoderEntry.Part]) -> LuaValue {
        .fields(
            EncoderRole.allCases.compactMap { role in
                roles[role].map { part in
                    let outputs = Protocol.allCases.map { ($0.rawValue, LuaValue.string(part.output($0))) }
                    return (role.rawValue, .fields(outputs + [("ending", .string(part.columnEnding))]))
                }
            })
    }
}
