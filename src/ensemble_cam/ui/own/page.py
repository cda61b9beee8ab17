"""Your network: a network of the reader's own, what it says of their pictures, and where it looks.

The network is one of torchvision's or timm's, by name, with a checkpoint that the reader hands over; none of its code
is run. It belongs to this session, and so do the pictures.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import METHODS_OF_ANY_NETWORK
from ensemble_cam.settings.vocabulary import OUTPUTS, PREDICTED
from ensemble_cam.ui.own import panels
from ensemble_cam.ui.own.work import File, Held, Wish, explaining, loading, session_own
from ensemble_cam.ui.review.remarks import offer_meaningless
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.stage import emptied
from ensemble_cam.ui.words import RELATIVE_ACTIVATION, plain

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_any_network import Network

_NAME, _FILES, _CLASSES, _OUTPUT, _SIZE = "own name", "own files", "own classes", "own output", "own size"
_PICTURES = "own pictures"
_MOST_MB = 400  # of a checkpoint
_MOST_LAYERS, _MOST_METHODS = 4, 4
_FIRST_METHODS = ("gradcam", "gradcam++")  # behind a global average HiResCAM is Grad-CAM


def show_own() -> None:
    """Show the page."""
    held = session_own()
    when_closed("own network", held.clear)
    with st.sidebar:
        st.caption(PURPOSE)
    st.markdown("#### Your network")
    left, right = st.columns([1, 2.4], gap="medium")
    with left:
        _show_network_choice(held)
        network = _network(held)
        file = _show_picture_choice(held)
    with right:
        if held.wish is None:
            _show_welcome()
        elif network is None:
            show_work(partial(_slot, "network"), again="Try again", key="own network")
        else:
            _show_network(network)
            if file is None:
                st.info("Drop a picture on the left.")
            else:
                _show_picture(held, network, file)


def _show_welcome() -> None:
    st.markdown(
        "A ResNet, DenseNet, EfficientNet, VGG, MobileNet, ConvNeXt or vision transformer of your own: name it, hand "
        "over its checkpoint, drop pictures. You see what it says of them, and where it looks, by layer and method.\n\n"
        "- **Checkpoint**: as PyTorch, timm, Lightning or safetensors save them. All of the network's values must be "
        "in it, and none of its code is run. Without one the values are seeded and mean nothing.\n"
        "- **Classes**: from the checkpoint, from a file `NAME.classes.json` beside it, or as you write them.\n"
        "- Network and pictures stay in this session, in this machine's memory, until a minute after the tab was "
        "closed."
    )


def _show_network_choice(held: Held) -> None:
    st.text_input(
        "Network",
        "torchvision:resnet18",
        key=_NAME,
        persist_state="session",
        help="torchvision:NAME, or timm:NAME where timm is installed. Code of your own: `ensemble-cam explain`.",
    )
    st.file_uploader(
        "Checkpoint, and its .classes.json if there is one",
        accept_multiple_files=True,
        key=_FILES,
        max_upload_size=_MOST_MB,
    )
    with st.expander("Classes and input"):
        st.text_input(
            "Classes, in the order of the outputs",
            key=_CLASSES,
            persist_state="session",
            placeholder="normal, effusion",
            help="Without, those that the checkpoint tells.",
        )
        st.segmented_control(
            "Output",
            OUTPUTS,
            default=OUTPUTS[0],
            required=True,
            key=_OUTPUT,
            persist_state="session",
            help="softmax: one class of all. sigmoid: each by itself.",
        )
        st.number_input("Input size in pixels (0: what is known of it)", 0, 4096, 0, key=_SIZE, persist_state="session")
    st.button("Load the network", on_click=_load, type="primary" if held.wish is None else "secondary", key="own load")


def _load() -> None:
    """Ask for the network as it is set; a button's callback."""
    state, held = st.session_state, session_own()
    files = [File(each.name, each.getvalue()) for each in state.get(_FILES) or ()]
    names = [each for each in files if each.name.lower().endswith(".json")]
    weights = [each for each in files if each not in names]
    if len(weights) > 1 or len(names) > 1:
        st.toast("One checkpoint at a time, and one file of class names beside it.", icon=":material/warning:")
        return
    classes = tuple(each.strip() for each in (state.get(_CLASSES) or "").split(",") if each.strip())
    held.wish = Wish(
        spec=(state.get(_NAME) or "").strip(),
        classes=classes or None,
        output=state.get(_OUTPUT) or OUTPUTS[0],
        input_size=state.get(_SIZE) or None,
        checkpoint=weights[0] if weights else None,
        names=names[0] if names else None,
    )
    held.network.begin_anew()
    held.explaining.begin_anew()
    held.shown_anyway = None


def _network(held: Held) -> "Network | None":
    return None if held.wish is None else held.network.get(held.wish.key, loading(held.wish))


def _show_picture_choice(held: Held) -> File | None:
    uploads = st.file_uploader(
        "Pictures",
        accept_multiple_files=True,
        key=_PICTURES,
        on_change=_take_pictures,
        help="PNG, JPEG, TIFF, BMP or DICOM, grey or in colours. The network is shown the whole picture.",
    )
    if uploads:  # else they are those of an earlier visit to this page, whose uploader is gone
        _take_pictures()
    if not held.pictures:
        return None
    order = list(held.pictures)
    chosen = st.selectbox(
        "Picture on the right", order, index=len(order) - 1, format_func=lambda sha256: held.pictures[sha256].name
    )
    return held.pictures.get(chosen)


def _take_pictures() -> None:
    """Hold what the uploader has; its callback, too, so that what is taken out of it is let go of."""
    files = [File(each.name, each.getvalue()) for each in st.session_state.get(_PICTURES) or ()]
    session_own().pictures = {each.sha256: each for each in files}


def _show_network(network: "Network") -> None:
    parts = [network.name, f"{len(network.classes)} classes by {network.output}", f"weights {network.weights}"]
    st.markdown(plain(" · ".join([*parts, f"maps at {network.layer.name}"])))


def _show_picture(held: Held, network: "Network", file: File) -> None:
    assert held.wish is not None
    columns = st.columns([1, 1.3, 1.6], gap="small")
    target = columns[0].selectbox("Class", [PREDICTED, *network.classes], key="own target")
    names = [each.name for each in network.layers]
    layers = columns[1].multiselect(
        "Layers", names, default=[network.layer.name], max_selections=_MOST_LAYERS, key=f"own layers {network.name}"
    )
    methods = columns[2].multiselect(
        "Methods",
        list(METHODS_OF_ANY_NETWORK),
        default=list(_FIRST_METHODS),
        format_func=lambda name: METHODS_OF_ANY_NETWORK[name].title,
        max_selections=_MOST_METHODS,
        key="own methods",
        help="Score-CAM and Ablation-CAM run the network once for each channel, and take their time.",
    )
    display, bare = _show_display()
    if not methods:
        st.info("Choose a method.")
        return
    key = held.wish.key, file.sha256, target, tuple(layers), tuple(methods)
    answers = held.explaining.get(key, explaining(network, file, target, layers, methods))
    with emptied("own", f"own-{file.sha256[:12]}"):
        if answers is None:
            show_work(partial(_slot, "explaining"), again="Try again", key="own explaining")
            return
        _show_answers(held, answers, (held.wish.key, file.sha256), display, bare=bare)


def _show_display() -> tuple[Display, bool]:
    columns = st.columns([1.3, 1.3, 1], gap="small", vertical_alignment="bottom")
    defaults = Display()
    threshold = columns[0].slider(
        "Sensitivity threshold",
        0.0,
        1.0,
        defaults.threshold,
        0.01,
        key="own threshold",
        persist_state="session",
        help=f"Relative activation below it is not drawn. Relative activation: {RELATIVE_ACTIVATION}",
    )
    opacity = columns[1].slider("Opacity", 0.0, 1.0, defaults.opacity, 0.05, key="own opacity", persist_state="session")
    bare = columns[2].toggle(
        "Bare grid cells",
        key="own bare",
        persist_state="session",
        help="The numbers that the network's layer has, without the picture and without anything between them.",
    )
    return Display(threshold=threshold, opacity=opacity), bare


def _show_answers(held: Held, answers: "Sequence[Any]", of: object, display: Display, *, bare: bool) -> None:
    found = [each for each in answers if not isinstance(each, str)]
    if not found:
        panels.show_maps(answers, "", display, bare=bare)
        return
    first = found[0]
    panels.show_cautions(answers)
    left, right = st.columns([1, 2.2], gap="small")
    with left:
        panels.show_picture_alone(first)
        panels.show_classes(first)
    with right:
        if first.by.untrained and held.shown_anyway != of:
            offer_meaningless(_show_anyway, of, key="own show anyway", said=True)
        else:
            panels.show_maps(answers, first.target, display, bare=bare)
            panels.show_downloads(answers, first.target, display)
    panels.show_origin(first)


def _show_anyway(of: object) -> None:
    session_own().shown_anyway = of


def _slot(kind: str) -> Slot[Any]:
    return getattr(session_own(), kind)
