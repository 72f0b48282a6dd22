import ChexGenLua
import Diffusion
import LuaRuntime
import Tensors

/// Plans of memory, of a pipeline and before there is one.
enum PipelineMemory {
    /// What a plan is.
    static let result = LuaResult(
        "plan", .table,
        "`text`: all of it in a line; `peak`: bytes of weights that are held at most; `parts`: of each network "
            + "`name`, `weights` and what is `held` of them at most; `phases`: `name` and `bytes`; `free`: bytes "
            + "of memory that are free, where the system says it; `refusal`: why it cannot fit and the way out, where it cannot. "
            + "Nil for a model that has no plan.")

    /// A plan as Lua has it.
    static func fields(_ plan: MemoryPlan) -> LuaValue {
        let free = MemoryRoom.available
        let parts = plan.parts.map {
            LuaValue.fields([
                ("name", .string($0.name)), ("weights", .integer($0.weights)), ("held", .integer($0.held)),
            ])
        }
        let phases = plan.phases.map { LuaValue.fields([("name", .string($0.name)), ("bytes", .integer($0.bytes))]) }
        return .fields([
            ("text", .string(plan.text(available: free))), ("peak", .integer(plan.peak)),
            ("parts", .table(LuaTable(array: parts))), ("phases", .table(LuaTable(array: phases))),
            ("free", free.map { .integer($0) } ?? .nil),
            ("refusal", plan.refusal(available: free).map { .string($0) } ?? .nil),
        ])
    }

    /// `model.pipeline_memory`.
    static func function(_ session: ScriptContext, _ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline_memory",
            [
                LuaParameter(
                    "source", .string,
                    "A folder in diffusers' layout, or a Hub name; of a model in several places its main part."),
                LuaParameter(
                    "options",
                    .options(
                        [
                            LuaParameter("dtype", .choice(["f32", "bf16"]), optional: true, "As of `model.pipeline`."),
                            LuaParameter("stream", .boolean, default: .boolean(false), "As of `model.pipeline`."),
                        ]
                            + known.separateParts.map {
                                LuaParameter($0.part.name, .string, optional: true, "As of `model.pipeline`.")
                            }), default: .table(LuaTable()), "How it would be opened."),
            ], returns: [result],
            "What the weights of a pipeline would take of memory, and when, by its configurations: no weights are read.",
            example: "local plan = model.pipeline_memory(\"black-forest-labs/FLUX.1-dev\", { dtype = \"bf16\" })"
        ) { arguments in
            let options = try arguments.options("options")
            let dtype =
                try options.has("dtype") ? DType(rawValue: options.string("dtype")) ?? session.dtype : session.dtype
            var places: [String: String] = [:]
            for (part, _) in known.separateParts where options.has(part.name) {
                places[part.name] = try options.string(part.name)
            }
            let plan = try known.memory(
                arguments.string("source"), beside: places, dtype: dtype, streams: options.boolean("stream"))
            return [plan.map(fields) ?? .nil]
        }
    }
}
