// Makes a picture with a TFLite file of $name on Android. Not compiled where it was written.
// build.gradle: implementation("com.google.ai.edge.litert:litert:1.4.0")
// Put $file and vocabulary.json into src/main/assets.

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color
import org.json.JSONObject
import org.tensorflow.lite.Interpreter
import java.nio.ByteBuffer
import java.nio.ByteOrder

class Generator(context: Context) {
    private val interpreter: Interpreter
    private val vocabulary: JSONObject

    init {
        val model = context.assets.open("$file").use { it.readBytes() }
        val buffer = ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model)
        interpreter = Interpreter(buffer, Interpreter.Options().setNumThreads(1))
        vocabulary = JSONObject(context.assets.open("vocabulary.json").bufferedReader().readText())
    }

    /** The same prompt and seed give the same picture as on a server. The empty prompt draws one from the data. */
    fun generate(prompt: String, seed: Int): Bitmap {
        val images = Array(1) { Array($height) { Array($width) { FloatArray($channels) } } }
        val inputs = mutableMapOf<String, Any>("seed" to intArrayOf(seed))
        if ($has_prompt) inputs["prompt"] = arrayOf(wordIds(prompt))
        interpreter.runSignature(inputs, mutableMapOf<String, Any>("images" to images), "generate")
        val bitmap = Bitmap.createBitmap($width, $height, Bitmap.Config.ARGB_8888)
        for (y in 0 until $height) for (x in 0 until $width) {
            val pixel = images[0][y][x].map { Math.round(it * 255).coerceIn(0, 255) }
            bitmap.setPixel(x, y, Color.rgb(pixel.first(), pixel[pixel.size / 2], pixel.last()))
        }
        return bitmap
    }

    /** Throws for a prompt or a word that the model never saw. */
    private fun wordIds(prompt: String): IntArray {
        val ids = IntArray(vocabulary.getInt("longest"))
        val asked = prompt.lowercase().trim()
        if (asked.isEmpty()) return ids
        val prompts = vocabulary.getJSONObject("prompts")
        // As it is first: of labels that differ in case alone, each is written in its own.
        val known = prompts.optJSONArray(prompt.trim()) ?: prompts.optJSONArray(asked)
        val words = vocabulary.getJSONObject("words")
        val found = if (known != null) List(known.length()) { known.getInt(it) }
        else typedWords(asked).map { words.getInt(it) }
        found.forEachIndexed { place, id -> ids[place] = id }
        return ids
    }

    private fun typedWords(asked: String): List<String> {
        val spaced = asked.replace(Regex(vocabulary.getString("letters")), " $$0 ").trim()
        val words = spaced.split(Regex("\\s+")).map { it.trim(',', '.', ';', ':', '!', '?') }
        return if (vocabulary.getBoolean("repeats")) words else words.distinct()
    }
}
